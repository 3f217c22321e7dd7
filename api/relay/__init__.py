"""The platform's mail relay: stores sign in with passwords of their own, and it passes their mails on to a server.

It keeps no mail. A mail is taken once that server has taken it, and what that server says to it is the answer, so
nothing is lost with this process: each store keeps its mails until they are taken. The SMTP is our own, because
aiosmtpd reads a line that never ends into memory, and holds an object for each line of a mail.
"""
