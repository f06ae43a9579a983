# Clocks go back on 2026-10-25 in Berlin: the window opens at 10:00 local time on both sides, one message a local day.
enroll 2026-09-01T08:00:00Z
run 2026-10-23T06:00:00Z
break firewall
run 2026-10-23T07:55:00Z
expect nudges 0
run 2026-10-23T08:05:00Z
expect nudges 1
run 2026-10-26T08:55:00Z
expect nudges 1
run 2026-10-26T09:05:00Z
expect nudges 2
