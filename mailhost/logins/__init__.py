"""Who may log in: secrets, their verification, and failures counted for each client address."""
