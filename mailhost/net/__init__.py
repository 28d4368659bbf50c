"""The parts that all protocols share: the pump, limits, TLS, SASL and DNS."""
