"""The parts that daily reports between hosts share: those of DMARC, and those about TLS."""
