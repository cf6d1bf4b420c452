"""Where alarms and scores go: one file per kind of receiver, each a :class:`vad.deploy.sinks.sink.Sink`."""
