# A device that is new may be told about, and is not closed: grace of 48 hours, even for an urgent check.
enroll 2026-11-03T08:00:00Z
break disk-encryption
run 2026-11-03T09:30:00Z
expect nudges 1
expect rung notice
run 2026-11-05T07:55:00Z
expect payroll allow
run 2026-11-05T08:10:00Z
expect payroll deny
expect wiki allow
