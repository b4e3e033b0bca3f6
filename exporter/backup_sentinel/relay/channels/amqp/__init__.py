"""AMQP 0-9-1, which is RabbitMQ: a message counts as delivered when the broker has confirmed it.

    settings   what is configured
    channel    a delivery becomes a message, and is published
    session    the connection and its AMQP channels
    refusal    what errors mean to an operator

Messages are persistent and mandatory, so that one that no queue takes comes back (rabbitmq.com/docs/confirms). Only
`settings` is imported where nobody configures such a channel: the rest needs the package aio-pika.
"""

from .settings import AmqpSettings, AmqpTopology

__all__ = ["AmqpSettings", "AmqpTopology"]
