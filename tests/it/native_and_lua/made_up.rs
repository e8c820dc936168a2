//! Scripts made up at random from the commands of native scripts, with every option they have.
//!
//! They expect three keys and the arguments of [`ARGUMENTS`]. Most calls are `redis.pcall`, so
//! that a script goes on behind a command that fails.

use crate::support::seed::Seed;

/// What each argument holds: a token that some key may have, milliseconds, seconds, a Unix time
/// in milliseconds, one in seconds, a digest that some key's value may have, and an integer.
pub(crate) const ARGUMENTS: usize = 7;

/// Every command that a made-up script may call.
pub(crate) const COMMANDS: &[&str] = &[
    "publish",
    "get",
    "set",
    "setnx",
    "setex",
    "psetex",
    "getset",
    "getdel",
    "getex",
    "strlen",
    "type",
    "expire",
    "pexpire",
    "expireat",
    "pexpireat",
    "persist",
    "ttl",
    "pttl",
    "expiretime",
    "pexpiretime",
    "incr",
    "incrby",
    "decr",
    "decrby",
    "delex",
    "delifeq",
    "del",
    "unlink",
    "exists",
    "mget",
    "mset",
    "msetnx",
];

const KEYS: &[&str] = &["KEYS[1]", "KEYS[1]", "KEYS[1]", "KEYS[2]", "KEYS[3]"];

const VALUES: &[&str] = &["ARGV[1]", "ARGV[1]", "ARGV[7]", "'held'", "7", "0.5", "''"];

const INTEGERS: &[&str] = &[
    "ARGV[7]",
    "ARGV[2]",
    "3",
    "-1",
    "'9223372036854775807'",
    "'x'",
    "1.5",
];

const EXPIRIES: &[&str] = &[
    "'EX', ARGV[3]",
    "'PX', ARGV[2]",
    "'PX', ARGV[2] * 2",
    "'EXAT', ARGV[5]",
    "'PXAT', ARGV[4]",
    "'PX', 0",
    "'EX', '9223372036854775807'",
];

const COMPARISONS: &[&str] = &[
    "'IFEQ', ARGV[1]",
    "'ifne', ARGV[1]",
    "'IFDEQ', ARGV[6]",
    "'IFDNE', ARGV[6]",
    "'IFDEQ', 'short'",
];

/// `@` stands for the result of an earlier call.
const CONDITIONS: &[&str] = &[
    "@ == ARGV[1]",
    "@ ~= ARGV[1]",
    "@",
    "not @",
    "@ == false",
    "tonumber(@) and tonumber(@) > 0",
    "not tonumber(@) or tonumber(@) >= 1",
    "tonumber(@) < tonumber(ARGV[7])",
    "type(@) == 'table'",
    "#KEYS == 3 and @ ~= ''",
    "ARGV[1] == 'held' or @",
];

/// A script of a few calls whose later ones hang on what earlier ones answered.
pub(crate) fn script(seed: &mut Seed) -> String {
    let mut text = String::new();
    let mut results: Vec<String> = Vec::new();
    for index in 0..1 + seed.below(4) {
        let name = format!("r{index}");
        let call = call(seed);
        match (seed.below(8), results.last()) {
            (0..=2, Some(last)) => {
                let condition = condition(seed, last);
                let other = self::call(seed);
                text.push_str(&format!(
                    "local {name}\nif {condition} then {name} = {call} else {name} = {other} end\n"
                ));
            }
            (3, Some(last)) => {
                let condition = condition(seed, last);
                text.push_str(&format!("if {condition} then return {call} end\n"));
                continue;
            }
            (4, Some(last)) => {
                let sum = seed.one_of(&["* 2 + 1", "- 1", "/ 3", "% 1000", "+ ARGV[7]", ".. '0'"]);
                text.push_str(&format!(
                    "local n{index} = tonumber({last}) or 5\nlocal {name} = n{index} {sum}\n"
                ));
                let key = seed.one_of(KEYS);
                text.push_str(&format!("redis.pcall('pexpire', {key}, {name})\n"));
            }
            (5, _) => {
                text.push_str(&loop_over_keys(seed));
                continue;
            }
            _ => text.push_str(&format!("local {name} = {call}\n")),
        }
        results.push(name);
    }
    let last = match (seed.below(4), results.last()) {
        (0, _) | (_, None) => call(seed),
        (1, Some(last)) => last.clone(),
        _ => format!("{{{}}}", results.join(", ")),
    };
    text + "return " + &last
}

fn condition(seed: &mut Seed, result: &str) -> String {
    seed.one_of(CONDITIONS).replace('@', result)
}

fn loop_over_keys(seed: &mut Seed) -> String {
    let body = seed.one_of(&[
        "redis.pcall('set', key, ARGV[1], 'PX', 1000 * i)",
        "if redis.pcall('get', key) == ARGV[1] then redis.pcall('del', key) end",
        "if redis.pcall('pttl', key) > 0 then redis.pcall('pexpire', key, ARGV[2] + i) end",
        "redis.pcall('publish', ARGV[1], key)",
        "if redis.pcall('set', key, i, 'NX') then break end",
    ]);
    match seed.below(2) {
        0 => format!("for i, key in ipairs(KEYS) do {body} end\n"),
        _ => format!("for i = #KEYS, 1, -1 do local key = KEYS[i] {body} end\n"),
    }
}

fn call(seed: &mut Seed) -> String {
    let function = seed.one_of(&["redis.call", "redis.pcall", "redis.pcall", "redis.pcall"]);
    // SET takes half of all options there are.
    let name = if seed.is_one_in(4) {
        "set"
    } else {
        seed.one_of(COMMANDS)
    };
    let spelled = if seed.is_one_in(2) {
        name.to_uppercase()
    } else {
        name.to_owned()
    };
    let mut words = vec![format!("'{spelled}'")];
    words.extend(arguments(seed, name).into_iter().map(str::to_owned));
    if seed.is_one_in(40) {
        // One argument less or a word too many.
        if seed.is_one_in(2) && words.len() > 2 {
            words.pop();
        } else if !matches!(
            name,
            "del" | "unlink" | "exists" | "mget" | "mset" | "msetnx"
        ) {
            words.push("'word'".to_owned());
        }
    }
    format!("{function}({})", words.join(", "))
}

fn arguments(seed: &mut Seed, name: &str) -> Vec<&'static str> {
    let key = seed.one_of(KEYS);
    match name {
        "publish" => vec![
            seed.one_of(&["ARGV[1]", "'news'", "KEYS[1]"]),
            seed.one_of(VALUES),
        ],
        "set" => {
            let mut words = vec![key, seed.one_of(VALUES)];
            for _ in 0..seed.below(4) {
                words.push(option(seed));
            }
            words
        }
        "getex" => match seed.below(8) {
            0 => vec![key],
            1 => vec![key, "'PERSIST'"],
            2 => vec![key, seed.one_of(EXPIRIES), seed.one_of(EXPIRIES)],
            _ => vec![key, seed.one_of(EXPIRIES)],
        },
        "setnx" | "getset" | "delifeq" => vec![key, seed.one_of(VALUES)],
        "setex" => vec![
            key,
            seed.one_of(&["ARGV[3]", "100", "'30'", "'0'"]),
            seed.one_of(VALUES),
        ],
        "psetex" => vec![
            key,
            seed.one_of(&["ARGV[2]", "-5", "ARGV[3]"]),
            seed.one_of(VALUES),
        ],
        "expire" => limited(seed, vec![key, "ARGV[3]"]),
        "pexpire" => limited(seed, vec![key, "ARGV[2]"]),
        "expireat" => limited(seed, vec![key, "ARGV[5]"]),
        "pexpireat" => limited(seed, vec![key, "ARGV[4]"]),
        "incrby" | "decrby" => vec![key, seed.one_of(INTEGERS)],
        "delex" if seed.is_one_in(4) => vec![key],
        "delex" => vec![key, seed.one_of(COMPARISONS)],
        "del" | "unlink" | "exists" | "mget" => match seed.below(4) {
            0 => vec!["unpack(KEYS)"],
            1 => vec![key, seed.one_of(KEYS), "KEYS[2]"],
            _ => vec![key],
        },
        "mset" | "msetnx" => match seed.below(4) {
            0 => vec!["unpack(KEYS)"],
            1 => vec![key, seed.one_of(VALUES)],
            _ => vec![
                key,
                seed.one_of(VALUES),
                seed.one_of(KEYS),
                seed.one_of(VALUES),
            ],
        },
        _ => vec![key],
    }
}

fn option(seed: &mut Seed) -> &'static str {
    match seed.below(6) {
        0 | 1 => seed.one_of(EXPIRIES),
        2 => seed.one_of(COMPARISONS),
        3 => "'KEEPTTL'",
        4 => "'GET'",
        _ => seed.one_of(&["'NX'", "'XX'", "'nx'"]),
    }
}

fn limited(seed: &mut Seed, mut words: Vec<&'static str>) -> Vec<&'static str> {
    for _ in 0..seed.below(3) {
        words.push(seed.one_of(&["'NX'", "'XX'", "'GT'", "'lt'"]));
    }
    words
}
