"""The pages of people: sign-in, account, invitations, the way in. All of it is loaded with the first page."""
