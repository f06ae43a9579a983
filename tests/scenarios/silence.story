# Stopping the agent is no way out: what failed and then fell silent stays on its rung and goes no further.
enroll 2026-10-01T08:00:00Z
run 2026-11-02T06:00:00Z
break firewall
run 2026-11-09T09:10:00Z
expect rung sensitive
off
run 2026-11-30T12:00:00Z
expect rung sensitive
expect payroll deny
expect wiki warn
