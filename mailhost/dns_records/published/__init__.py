"""The DNS records of any domain, as values without a verdict.

One generator for each topic yields the questions to DNS and returns the values.
"""
