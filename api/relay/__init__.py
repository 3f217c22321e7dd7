"""The platform's mail relay: stores sign in with passwords of their own, and it forwards their mails to a server.

It stores no mail. A mail is accepted once that server has accepted it, and the server's reply is passed back, so
nothing is lost if this process dies: each store keeps its mails until they are accepted. It implements SMTP itself,
because aiosmtpd reads an endless line into memory and holds an object for each line of a mail.
"""
