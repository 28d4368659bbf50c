"""Mail that is signed and judged, measured beside Postfix with OpenDKIM and OpenDMARC."""
