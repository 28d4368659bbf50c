"""The checks of a plan: one machine without I/O for each topic. A machine asks DNS by values, and
returns findings."""
