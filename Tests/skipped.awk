# Counts what the log of `swift test` says was skipped, by its reason: tests that lack what they need, and "SKIPPED: …" of parts of tests.
/^SKIPPED: / { reason = substr($0, 10); count[reason]++; total++ }
/(Test|Suite) .* skipped(: ".*"|\.)$/ {
    reason = "no reason given"
    if (match($0, /skipped: ".*"$/)) reason = substr($0, RSTART + 10, RLENGTH - 11)
    count[reason]++
    total++
}
END {
    if (total == 0) print "skipped: nothing"
    else print "skipped: " total (total == 1 ? " test" : " tests") " or parts of tests:"
    for (reason in count) printf "%6d  %s\n", count[reason], reason | "sort -k1,1nr -k2"
}
