# Two weeks of holiday with the laptop off: the clock stands still, nobody is written to, and there is a day of grace after coming back.
enroll 2026-10-01T08:00:00Z
run 2026-11-02T06:00:00Z
break firewall
run 2026-11-02T09:05:00Z
expect nudges 1
off
absent 2026-11-02T17:00:00Z 2026-11-16T08:00:00Z
run 2026-11-16T08:00:00Z
expect nudges 1
expect payroll allow
on
run 2026-11-16T09:30:00Z
expect nudges 2
expect rung notice
run 2026-11-20T15:00:00Z
expect payroll warn
