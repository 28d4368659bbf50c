"""The web listener: answers of ACME's http-01, the policy of MTA-STS, and set-up of mail programs.

Twisted's HTTP server reads the requests (`channel`, `request`), and `routes` has the table of all
pages. A page is a function from a WebRequest to a WebResponse, so pages need no server in tests.
"""
