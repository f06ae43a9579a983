# "This looks wrong": the clock of that check stands still until somebody answered.
enroll 2026-10-01T08:00:00Z
run 2026-11-02T06:00:00Z
break firewall
run 2026-11-02T09:05:00Z
expect nudges 1
dispute firewall 2026-11-02T10:00:00Z 2026-11-06T10:00:00Z
run 2026-11-06T09:30:00Z
expect rung notice
run 2026-11-10T09:30:00Z
expect rung warn
