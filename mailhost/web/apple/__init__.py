"""Set-up of Apple's Mail, on iPhones and Macs, by a configuration profile."""
