"""The settings of the filters (`[[filter]]`): one class for each kind."""
