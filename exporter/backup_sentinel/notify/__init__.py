"""Joins both rivers without Prometheus: what the export river sees becomes messages that the relay river delivers.

    settings      what is told, how often, and where it is remembered that it was
    incident      the noun: one thing that went wrong, or is over
    gathering     from the store to incidents
    runs          failed and partial runs
    family        which runs belong together
    schedules     schedules without a recovery point in time, and what is over
    record        what has been told to whom, and up to when everything was looked at
    shelf         what keeps the record
    configmap     the record in a ConfigMap
    file          the record in a file
    storage       which of the two
    looking       which clusters were read completely
    wording       from incidents to alerts and messages
    desk          which incidents are due, and what follows once they were told
    inquiry       what enrichers find out, for the pass that waits
    post          one attempt with each channel, for the pass that waits for the answers
    daemon        looks again and again, and hands what is due to the outbox
    channels      who is told, and who gets everything in one message
    environment   a mail channel from the variables of a Kasten alerter

In: the store of the export river. Out: messages in the relay's outbox, or in its channels at once. Never here: HTTP, and
a second way to read clusters or to send.
"""
