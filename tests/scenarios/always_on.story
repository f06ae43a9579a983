# A laptop that is always on fails its firewall check and nobody does anything. Nothing closes before two delivered messages, nothing rises at
# the weekend or at night, and everything is open again at the first pass.
enroll 2026-10-01T08:00:00Z
run 2026-11-02T06:00:00Z
break firewall
run 2026-11-02T07:00:00Z
expect rung notice
expect nudges 0
run 2026-11-02T09:05:00Z
# 10:00 in Berlin: the window opens
expect nudges 1
expect payroll allow
run 2026-11-03T09:05:00Z
expect nudges 2
run 2026-11-05T09:05:00Z
# three days of running clock since the first message
expect rung warn
expect payroll warn
expect nudges 4
run 2026-11-08T20:00:00Z
# the weekend brings no message
expect nudges 5
expect rung warn
run 2026-11-09T08:55:00Z
expect payroll warn
run 2026-11-09T09:05:00Z
expect rung sensitive
expect payroll deny
expect crm deny
expect wiki warn
expect chat allow
run 2026-11-16T08:55:00Z
expect wiki warn
run 2026-11-16T09:05:00Z
expect rung all
expect wiki deny
expect chat allow
fix firewall
run 2026-11-16T09:20:00Z
expect rung none
expect payroll allow
