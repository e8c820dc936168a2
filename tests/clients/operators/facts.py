"""Checks that redis-py understands what a server tells its operator.

    python facts.py PORT PASSWORD

Each check is a line that begins with `ok` or `FAIL`; the exit code is 1 if one failed. It takes and releases keys of
the server at 127.0.0.1:PORT. Needs redis-py.
"""

import datetime
import sys

import redis

failures = 0


def check(name, is_as_expected, shown):
    global failures
    failures += not is_as_expected
    print(f"ok   redis-py: {name}" if is_as_expected else f"FAIL redis-py: {name}: {shown!r}")


def main(port, password):
    client = redis.Redis(host="127.0.0.1", port=port, password=password, decode_responses=True, client_name="facts")
    client.set("facts:lock", "token", nx=True, px=60000)
    client.set("facts:text", "words")
    try:
        client.incr("facts:text")
    except redis.ResponseError:
        pass
    info = client.info("everything")
    check("info() reads every line as name and value", "__raw__" not in info, info.get("__raw__"))
    numbers = ["uptime_in_seconds", "connected_clients", "used_memory", "total_commands_processed", "expired_keys",
               "keyspace_hits", "blocked_clients", "maxclients", "tcp_port", "rdb_last_save_time"]
    check("info() has numbers where they are due", all(isinstance(info.get(name), int) for name in numbers),
          {name: info.get(name) for name in numbers})
    check("info() has the version's three parts", len(info["redis_version"].split(".")) == 3, info["redis_version"])
    check("info() counts commands", info["cmdstat_set"]["calls"] >= 2 and info["cmdstat_incrby"]["failed_calls"] >= 1,
          (info["cmdstat_set"], info["cmdstat_incrby"]))
    check("info() counts errors", info["errorstat_ERR"]["count"] >= 1, info.get("errorstat_ERR"))
    check("info() counts keys", info["db0"]["keys"] == client.dbsize() and info["db0"]["expires"] >= 1, info["db0"])
    check("info() has percentiles", info["latency_percentiles_usec_set"]["p50"] > 0, info.get("latency_percentiles_usec_set"))
    check("info() of one section", list(client.info("cluster")) == ["cluster_enabled"], client.info("cluster"))
    me = [line for line in client.client_list() if line["name"] == "facts"]
    check("client_list() has this connection once", len(me) == 1 and me[0]["cmd"] == "client|list", me)
    check("config_get() has patterns", {"maxclients", "maxmemory"} <= client.config_get("max*").keys(),
          client.config_get("max*"))
    client.config_set("slowlog-log-slower-than", 0)
    client.get("facts:lock")
    client.config_set("slowlog-log-slower-than", 10000)
    commands = [entry["command"].decode() for entry in client.slowlog_get()]
    check("slowlog_get() has the command", "GET facts:lock" in commands, commands)
    check("memory_stats() counts keys", client.memory_stats()["keys.count"] >= 2, client.memory_stats())
    check("memory_usage() of a key", client.memory_usage("facts:lock") > len("facts:lock") + len("token"),
          client.memory_usage("facts:lock"))
    check("lastsave() is a time", isinstance(client.lastsave(), datetime.datetime), client.lastsave())
    check("role() is that of a primary", client.execute_command("ROLE")[0] == "master", client.execute_command("ROLE"))
    check("latency_latest() is a list", client.execute_command("LATENCY LATEST") == [], "")
    client.delete("facts:lock", "facts:text")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2]))
