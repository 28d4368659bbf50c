"""Set-up of Outlook: autodiscover in XML (version 1) and JSON (version 2), by MS-OXDSCLI."""
