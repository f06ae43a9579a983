# Switched off is not ignoring: only the days on which the device spoke count.
enroll 2026-10-01T08:00:00Z
run 2026-11-02T06:00:00Z
break firewall
run 2026-11-02T10:00:00Z
expect nudges 1
off
run 2026-11-06T10:00:00Z
on
run 2026-11-06T11:00:00Z
expect rung notice
expect payroll allow
run 2026-11-11T15:00:00Z
expect rung warn
