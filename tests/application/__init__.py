"""Tests of mailhost.application; the whole of it is tested in end_to_end/."""
