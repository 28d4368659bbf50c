"""The daily run of the doctor."""
