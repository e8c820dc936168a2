//! Tests of the configuration as a whole: CONFIG GET, CONFIG SET, and what the server reads.
//!
//! Small pieces are tested where they stand. What Redis answers was recorded from the real server.

mod files;

use std::path::PathBuf;

use serde_json::Value as Json;

use super::*;

fn load_words(words: &[&str], standard_input: &str) -> Result<Loaded, ConfigError> {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    Config::load(&words, &mut standard_input.as_bytes())
}

/// Loads a configuration from standard input alone.
fn load_text(text: &str) -> Result<Loaded, ConfigError> {
    load_words(&["-"], text)
}

fn shown(config: &Config, name: &str) -> String {
    let found = config.get(&[name.as_bytes()]);
    assert_eq!(found.len(), 1, "{name}");
    String::from_utf8(found[0].1.clone()).unwrap()
}

#[test]
fn config_get_and_set_answer_as_redis_does() {
    let config = load_text("durability none\n").unwrap().config;
    let recorded = include_str!("../../../tests/data/config-set-7.0.15.txt");
    let mut exchanges = 0;
    for line in recorded.lines().filter(|line| !line.starts_with("# ")) {
        let (words, reply) = line.split_once('\t').unwrap();
        let words: Vec<String> = serde_json::from_str(words).unwrap();
        // Redis 7.2 has one log level more than the recorded server.
        let reply = reply.replace(
            "verbose, notice, warning",
            "verbose, notice, warning, nothing",
        );
        let reply: Json = serde_json::from_str(&reply).unwrap();
        let arguments: Vec<&[u8]> = words[1..].iter().map(|word| word.as_bytes()).collect();
        let answer = if words[0] == "GET" {
            let pairs = config
                .get(&arguments)
                .into_iter()
                .flat_map(|(name, value)| [name, value]);
            let texts = pairs.map(|text| Json::from(String::from_utf8(text).unwrap()));
            Json::Array(texts.collect())
        } else {
            let pairs: Vec<_> = arguments
                .chunks_exact(2)
                .map(|pair| (pair[0], pair[1]))
                .collect();
            match config.set(&pairs) {
                Ok(()) => Json::from("+OK"),
                Err(error) => Json::from(format!("-{error}")),
            }
        };
        assert_eq!(answer, reply, "CONFIG {words:?}");
        exchanges += 1;
    }
    assert!(exchanges > 150);
}

#[test]
fn get_with_a_star_shows_each_listed_name_once() {
    let found = Config::default().get(&[b"*", b"port", b"PORT", b"p*"]);
    let names: Vec<_> = found
        .iter()
        .map(|(name, _)| String::from_utf8_lossy(name))
        .collect();
    for name in [
        "port",
        "lua-time-limit",
        "busy-reply-threshold",
        "slave-priority",
        "locale-collate",
    ] {
        assert_eq!(
            names.iter().filter(|known| *known == name).count(),
            1,
            "{name}"
        );
    }
    assert!(!names.iter().any(|name| name == "watchdog-period"));
    let rows = setting::all().filter(|row| row.display == Display::Listed);
    assert_eq!(
        names.len(),
        rows.map(|row| 1 + usize::from(row.alias.is_some()))
            .sum::<usize>()
    );
}

#[test]
fn set_reaches_what_the_server_reads() {
    let config = Config::default();
    let settings = &config.settings;
    assert_eq!(settings.busy_reply_threshold_ms(), Some(5_000));
    assert_eq!(settings.tcp_keepalive_s(), Some(300));
    assert_eq!(settings.timeout_s(), None);
    assert!(settings.protected_mode() && !settings.has_password());
    assert_eq!(settings.loglevel().now(), LogLevel::Notice);
    let pairs: [(&[u8], &[u8]); 16] = [
        (b"lua-time-limit", b"0"),
        (b"client-query-buffer-limit", b"2mb"),
        (
            b"client-output-buffer-limit",
            b"normal 1kb 2 3 pubsub 4 5 6",
        ),
        (b"loglevel", b"warning"),
        (b"lua-memory-limit", b"1mb"),
        (b"maxclients", b"7"),
        (b"notify-keyspace-events", b"Ex"),
        (b"protected-mode", b"no"),
        (b"proto-inline-max-size", b"1kb"),
        (b"proto-max-bulk-len", b"1mb"),
        (b"proto-max-multibulk-len", b"10"),
        (b"requirepass", b"hush"),
        (b"script-cache-size", b"3"),
        (b"script-reply-limit", b"2mb"),
        (b"tcp-keepalive", b"0"),
        (b"timeout", b"60"),
    ];
    config.set(&pairs).unwrap();
    assert_eq!(settings.busy_reply_threshold_ms(), None);
    assert_eq!(settings.client_query_buffer_limit(), 2 << 20);
    let normal = OutputLimit {
        hard_bytes: 1_024,
        soft_bytes: 2,
        soft_seconds: 3,
    };
    assert_eq!(settings.output_limit(ClientClass::Normal), normal);
    assert_eq!(settings.output_limit(ClientClass::PubSub).hard_bytes, 4);
    assert_eq!(settings.loglevel().now(), LogLevel::Warning);
    assert_eq!(settings.lua_memory_limit(), 1 << 20);
    assert_eq!(settings.script_reply_limit(), 2 << 20);
    assert_eq!(settings.maxclients(), 7);
    assert_eq!(
        settings.notify_keyspace_events(),
        NotifyFlags::KEYEVENT | NotifyFlags::EXPIRED
    );
    assert!(!settings.protected_mode());
    assert_eq!(settings.proto_inline_max_size(), 1_024);
    assert_eq!(settings.proto_max_bulk_len(), 1 << 20);
    assert_eq!(settings.proto_max_multibulk_len(), 10);
    assert_eq!(settings.requirepass().as_deref(), Some(&b"hush"[..]));
    assert_eq!(settings.script_cache_size(), 3);
    assert_eq!(settings.tcp_keepalive_s(), None);
    assert_eq!(settings.timeout_s(), Some(60));
}

#[test]
fn every_level_is_read_back() {
    let config = Config::default();
    for (word, level) in [
        (&b"debug"[..], LogLevel::Debug),
        (b"verbose", LogLevel::Verbose),
        (b"notice", LogLevel::Notice),
        (b"warning", LogLevel::Warning),
    ] {
        config.set(&[(b"loglevel", word)]).unwrap();
        assert_eq!(config.settings.loglevel().now(), level);
    }
}

#[test]
fn a_setting_that_is_not_honoured_cannot_be_switched_on() {
    let config = Config::default();
    let error = config
        .set(&[
            (b"timeout", b"9"),
            (b"cluster-replica-no-failover", b"no"),
            (b"save", b"60 1"),
        ])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "ERR CONFIG SET failed (possibly related to argument 'save') - \
         not honoured: no snapshots are taken, `durability` says what a restart keeps"
    );
    assert_eq!(shown(&config, "timeout"), "0");
    assert_eq!(config.settings.timeout_s(), None);
}

#[test]
fn no_policy_that_evicts_is_taken() {
    let loaded = load_text("maxmemory 100mb\nmaxmemory-policy allkeys-lru\n").unwrap();
    assert_eq!(loaded.config.settings.maxmemory(), 100 << 20);
    assert_eq!(shown(&loaded.config, "maxmemory-policy"), "noeviction");
    assert_eq!(loaded.warnings.len(), 1);
    assert!(loaded.warnings[0].contains("a lock is never evicted"));
    let refusal = loaded.config.set(&[(b"maxmemory-policy", b"volatile-ttl")]);
    let refusal = refusal.unwrap_err().to_string();
    assert!(refusal.contains("a lock is never evicted"), "{refusal}");
}

#[test]
fn what_a_start_has_settled_may_be_set_to_itself_alone() {
    let config = load_text("durability always\n").unwrap().config;
    assert_eq!(shown(&config, "appendonly"), "yes");
    assert_eq!(shown(&config, "appendfsync"), "always");
    let same: [(&[u8], &[u8]); 2] = [(b"appendonly", b"YES"), (b"appendfsync", b"always")];
    config.set(&same).unwrap();
    for (name, word, why) in [
        ("appendonly", "maybe", "argument must be 'yes' or 'no'"),
        (
            "appendfsync",
            "never",
            "argument(s) must be one of the following: everysec, always, no",
        ),
        (
            "appendonly",
            "no",
            "it is fixed while the server runs; restart it with the new value",
        ),
        (
            "appendfsync",
            "no",
            "it is fixed while the server runs; restart it with the new value",
        ),
        ("durability", "none", "can't set immutable config"),
    ] {
        let refusal = config.set(&[(name.as_bytes(), word.as_bytes())]);
        let expected =
            format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}");
        assert_eq!(refusal.unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_refused_effect_leaves_all_settings_as_they_were() {
    let config = load_text("maxmemory 5\n").unwrap().config;
    let mut seen = Vec::new();
    let pairs: [(&[u8], &[u8]); 4] = [
        (b"timeout", b"9"),
        (b"maxmemory", b"7"),
        (b"maxclients", b"12"),
        (b"notify-keyspace-events", b"KEA"),
    ];
    let refusal = config.change(&pairs, &mut |effect| {
        let settings = &config.settings;
        seen.push((effect, settings.maxclients(), settings.maxmemory()));
        match (effect, settings.maxclients()) {
            (Effect::Clients, 12) => Err(SettingError::TooManyClients { clients: 10 }),
            _ => Ok(()),
        }
    });
    assert_eq!(
        refusal.unwrap_err().to_string(),
        "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system \
         is not able to handle the specified number of clients, try with 10"
    );
    let expected = [
        (Effect::Memory, 12, 7),
        (Effect::Clients, 12, 7),
        (Effect::Memory, 10_000, 5),
        (Effect::Clients, 10_000, 5),
    ];
    assert_eq!(seen, expected);
    for (name, value) in [
        ("timeout", "0"),
        ("maxmemory", "5"),
        ("maxclients", "10000"),
    ] {
        assert_eq!(shown(&config, name), value);
    }
    assert_eq!(config.settings.timeout_s(), None);
    // What does not change has no effect.
    seen.clear();
    let same: [(&[u8], &[u8]); 2] = [(b"maxclients", b"10000"), (b"timeout", b"3")];
    config
        .change(&same, &mut |effect| {
            seen.push((effect, 0, 0));
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, []);
}

#[test]
fn always_has_one_thread_unless_it_is_given_more() {
    let threads = |text| load_text(text).unwrap().config.settings.io_threads;
    assert_eq!(threads("durability always\n"), 1);
    assert_eq!(threads("appendonly yes\nappendfsync always\n"), 1);
    assert_eq!(threads("durability always\nio-threads 3\n"), 3);
}

#[test]
fn what_follows_from_durability_is_not_written_into_a_file() {
    let config = load_text("").unwrap().config;
    assert_eq!(shown(&config, "appendonly"), "yes");
    config.set(&[(b"appendonly", b"yes")]).unwrap();
    let (slot, ..) = setting::find(b"appendonly").unwrap();
    // With it in the file, the next start would take `appendfsync` for the mode.
    assert_eq!(config.asked.read()[slot.0], Value::Switch(false));
}

#[test]
fn the_settings_of_redis_and_ours_say_the_same_of_durability() {
    for (text, mode, appendonly, appendfsync) in [
        ("", "guard", "yes", "no"),
        ("durability none", "none", "no", "everysec"),
        ("appendonly no", "none", "no", "everysec"),
        ("appendonly yes", "everysec", "yes", "everysec"),
        (
            "appendonly yes\nappendfsync always",
            "always",
            "yes",
            "always",
        ),
        ("appendonly yes\nappendfsync no", "guard", "yes", "no"),
        ("appendfsync always", "guard", "yes", "no"),
        (
            "appendonly no\ndurability always",
            "always",
            "yes",
            "always",
        ),
        ("appendonly yes\ndurability none", "none", "no", "everysec"),
    ] {
        let config = load_text(text).unwrap().config;
        assert_eq!(shown(&config, "durability"), mode, "{text}");
        assert_eq!(shown(&config, "appendonly"), appendonly, "{text}");
        assert_eq!(shown(&config, "appendfsync"), appendfsync, "{text}");
        assert_eq!(config.settings.durability.mode.name(), mode, "{text}");
    }
}

#[test]
fn the_settings_of_the_start_are_typed() {
    let text = "bind 127.0.0.1 -::1 * ::* -lock.example\nport 0\nunixsocket /run/q.sock\n\
                unixsocketperm 0770\ndatabases 3\ntcp-backlog 9\nio-threads 4\nlogfile q.log\n";
    let settings = load_text(text).unwrap().config.settings;
    let address = |host: &str| BindHost::Address(host.parse().unwrap());
    let hosts: Vec<_> = settings.bind.iter().map(|bind| bind.host.clone()).collect();
    let name = BindHost::Name("lock.example".to_owned());
    assert_eq!(
        hosts,
        [
            address("127.0.0.1"),
            address("::1"),
            address("0.0.0.0"),
            address("::"),
            name
        ]
    );
    assert_eq!(settings.bind[0].presence, Presence::Required);
    assert_eq!(settings.bind[1].presence, Presence::Optional);
    assert_eq!(settings.port, TcpPort::Closed);
    assert_eq!(settings.unixsocket, Some(PathBuf::from("/run/q.sock")));
    assert_eq!(settings.unixsocketperm, Some(0o770));
    assert_eq!(
        (
            settings.databases,
            settings.tcp_backlog,
            settings.io_threads
        ),
        (3, 9, 4)
    );
    assert_eq!(settings.logfile, Some(PathBuf::from("q.log")));
    let defaults = Config::default().settings;
    assert_eq!(defaults.port, TcpPort::Fixed(6379));
    assert_eq!(
        (
            defaults.unixsocket,
            defaults.unixsocketperm,
            defaults.logfile
        ),
        (None, None, None)
    );
    assert!(defaults.io_threads >= 1);
}

#[test]
fn a_chosen_port_is_shown() {
    let config = Config::default()
        .sibling("127.0.0.1 ::1", TcpPort::SystemChosen, None)
        .unwrap();
    assert_eq!(shown(&config, "port"), "0");
    config.note_chosen_port(40_000);
    assert_eq!(shown(&config, "port"), "40000");
    assert_eq!(config.settings.port, TcpPort::SystemChosen);
    assert_eq!(config.settings.bind.len(), 2);
    let addresses = "a ".repeat(17);
    assert!(
        Config::default()
            .sibling(addresses.trim(), TcpPort::Closed, None)
            .is_err()
    );
}
