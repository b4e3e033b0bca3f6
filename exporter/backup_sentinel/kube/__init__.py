"""Access to clusters: credentials in, bytes and changes out.

Here live address and credentials (`settings`, `credentials`, `access`), HTTP (`client`), what a cluster serves
(`resource`, `discovery`) and the loop that keeps up with one resource of one cluster (`reflector`). What the
objects mean never does: a decoder is handed in, and what it returns is passed on unseen.
"""
