"""What all wires share: the pump, limits, TLS, SASL and DNS."""
