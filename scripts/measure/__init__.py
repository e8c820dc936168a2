"""The parts of scripts/compare: Quintlock measured beside other servers that speak RESP.

    contenders   who is measured: this server, its peers, the echo server; their versions
    arguments    the command line, and how much is measured
    placement    which cores a process may use
    processes    what /proc tells of a process: resident memory, context switches
    load         one run of `quintlock bench`
    locks        live locks in a server, by the million
    rows         the loads of the throughput tables, and what each must show
    throughput, memory, connections, start, idle, lateness, scale
                 a group of measures each: `measure(plan)` answers what goes into results.json
    summary      medians, spreads and ratios of raw samples
    targets      what each other figure must reach, and whether it does
    report       results.json to RESULTS.md;  charts, svg: results.json to pictures
    machine      facts of the machine

Raw samples alone are kept in results.json, so that tables and charts can be made again without measuring.
"""
