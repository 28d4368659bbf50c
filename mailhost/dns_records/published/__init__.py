"""What DNS has about any domain, as values without a verdict: machines that ask, one for each
topic."""
