"""Forges (GitHub, Gitee, Gitea and Forgejo, GitLab), as far as it can be decided without a network. Pure; WIRE 3.7, SECURITY T9.

`dialects` says how each forge is asked, `answers` what it said, `trees` how one tree comes together from several answers,
`memory` what is remembered of a repository and what is odd about it now, `refusals` why a forge did not answer.
"""
