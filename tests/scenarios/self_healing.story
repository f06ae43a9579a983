# A failure that heals before it was seen twice, ten minutes apart, reaches nobody.
enroll 2026-10-01T08:00:00Z
run 2026-11-02T10:00:00Z
break firewall
run 2026-11-02T10:05:00Z
fix firewall
run 2026-11-04T12:00:00Z
expect nudges 0
expect rung none
