"""DANE for SMTP: which certificates a host may show, by TLSA records behind DNSSEC (RFC 7672)."""
