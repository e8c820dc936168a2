//! The workloads: their names, and the requests that each is made of.
//!
//! A workload is one or more steps. A connection sends a batch of the first step on fresh keys,
//! checks the replies, sends the next step on the same keys, and so on: what a lock's user does,
//! once for each request in flight.

use super::template::{Step, Word};

/// What a load consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// SET NX PX, then compare-and-delete by EVALSHA.
    Cycle,
    /// SET NX PX, then DELEX IFEQ.
    CycleDelex,
    /// SET NX PX, then DELIFEQ.
    CycleDelifeq,
    /// Acquire and release of npm redlock 5 on one key.
    NpmRedlock1,
    /// The same on three keys.
    NpmRedlock3,
    /// SET NX PX that is granted.
    Acquire,
    /// SET NX PX of a key that is held.
    Refused,
    /// Compare-and-pexpire by EVALSHA.
    Extend,
    /// GET of a key that is held.
    Get,
    /// Take on five servers and release there.
    Redlock,
}

/// What becomes of the keys of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyUse {
    /// They are free before and free afterwards.
    Released,
    /// They are held all the time.
    Held,
    /// They are free before and held afterwards: somebody has to free them.
    Taken,
}

/// A script of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Release,
    Extend,
    AcquireAll,
    ReleaseAll,
}

const WORKLOADS: [(Workload, &str); 10] = [
    (Workload::Cycle, "cycle"),
    (Workload::CycleDelex, "cycle-delex"),
    (Workload::CycleDelifeq, "cycle-delifeq"),
    (Workload::NpmRedlock1, "npm-redlock-1"),
    (Workload::NpmRedlock3, "npm-redlock-3"),
    (Workload::Acquire, "acquire"),
    (Workload::Refused, "refused"),
    (Workload::Extend, "extend"),
    (Workload::Get, "get"),
    (Workload::Redlock, "redlock"),
];

/// What a workload's requests are filled with.
pub(super) struct Filling<'a> {
    pub(super) token: &'a [u8],
    pub(super) ttl_ms: u64,
    /// The digest of each script in the order of [`Workload::scripts`].
    pub(super) digests: &'a [Vec<u8>],
}

impl Workload {
    /// All of them, in the order of the help page.
    pub fn all() -> impl Iterator<Item = Workload> {
        WORKLOADS.iter().map(|(workload, _)| *workload)
    }

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        let row = WORKLOADS.iter().find(|(workload, _)| *workload == self);
        row.map_or("", |(_, name)| name)
    }

    /// The workload of a name.
    pub fn named(name: &str) -> Option<Workload> {
        let row = WORKLOADS.iter().find(|(_, known)| *known == name);
        row.map(|(workload, _)| *workload)
    }

    pub(super) fn key_use(self) -> KeyUse {
        match self {
            Workload::Acquire => KeyUse::Taken,
            Workload::Refused | Workload::Extend | Workload::Get => KeyUse::Held,
            _ => KeyUse::Released,
        }
    }

    /// The scripts that its steps call.
    pub(super) fn scripts(self) -> &'static [Script] {
        match self {
            Workload::Cycle | Workload::Redlock => &[Script::Release],
            Workload::NpmRedlock1 | Workload::NpmRedlock3 => {
                &[Script::AcquireAll, Script::ReleaseAll]
            }
            Workload::Extend => &[Script::Extend],
            _ => &[],
        }
    }

    /// Its requests and the replies to them, in their order.
    pub(super) fn steps(self, filling: &Filling<'_>) -> Vec<Step> {
        let Filling { token, digests, .. } = filling;
        let ttl = filling.ttl_ms.to_string();
        let set = |reply: &[u8]| Step {
            words: words(&[b"SET"], 1, &[token, b"NX", b"PX", ttl.as_bytes()]),
            reply: reply.to_vec(),
        };
        let call = |script: usize, keys: usize, arguments: &[&[u8]]| Step {
            words: words(
                &[b"EVALSHA", &digests[script], keys.to_string().as_bytes()],
                keys,
                arguments,
            ),
            reply: format!(":{keys}\r\n").into_bytes(),
        };
        let plain = |command: &[u8], arguments: &[&[u8]], reply: &[u8]| Step {
            words: words(&[command], 1, arguments),
            reply: reply.to_vec(),
        };
        let both = |keys| {
            vec![
                call(0, keys, &[token, ttl.as_bytes()]),
                call(1, keys, &[token]),
            ]
        };
        match self {
            Workload::Cycle | Workload::Redlock => vec![set(b"+OK\r\n"), call(0, 1, &[token])],
            Workload::CycleDelex => vec![
                set(b"+OK\r\n"),
                plain(b"DELEX", &[b"IFEQ", token], b":1\r\n"),
            ],
            Workload::CycleDelifeq => {
                vec![set(b"+OK\r\n"), plain(b"DELIFEQ", &[token], b":1\r\n")]
            }
            Workload::NpmRedlock1 => both(1),
            Workload::NpmRedlock3 => both(3),
            Workload::Acquire => vec![set(b"+OK\r\n")],
            Workload::Refused => vec![set(b"$-1\r\n")],
            Workload::Extend => vec![call(0, 1, &[token, ttl.as_bytes()])],
            Workload::Get => {
                let length = format!("${}\r\n", token.len()).into_bytes();
                vec![plain(b"GET", &[], &[&length, *token, b"\r\n"].concat())]
            }
        }
    }
}

/// The arguments of a request: some texts, some keys, some texts.
fn words(before: &[&[u8]], keys: usize, behind: &[&[u8]]) -> Vec<Word> {
    let text = |word: &&[u8]| Word::Text(word.to_vec());
    let keys = std::iter::repeat_n(Word::Key, keys);
    let before = before.iter().map(text);
    before.chain(keys).chain(behind.iter().map(text)).collect()
}

impl Script {
    /// The script's text.
    pub(super) fn text(self) -> &'static str {
        match self {
            Script::Release => {
                "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
            }
            Script::Extend => {
                "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end"
            }
            Script::AcquireAll => ACQUIRE_ALL,
            Script::ReleaseAll => RELEASE_ALL,
        }
    }
}

/// In the shape of npm redlock 5: all the keys, or none of them.
const ACQUIRE_ALL: &str = r#"
  -- Somebody holds one of them: nothing is taken.
  for i, key in ipairs(KEYS) do
    if redis.call("exists", key) == 1 then
      return 0
    end
  end

  -- All are free: take each of them.
  for i, key in ipairs(KEYS) do
    redis.call("set", key, ARGV[1], "PX", ARGV[2])
  end

  -- How many were taken.
  return #KEYS
"#;

/// In the shape of npm redlock 5: each key that still has the token.
const RELEASE_ALL: &str = r#"
  local count = 0
  for i, key in ipairs(KEYS) do
    -- A key with another token belongs to somebody else.
    if redis.call("get", key) == ARGV[1] then
      redis.pcall("del", key)
      count = count + 1
    end
  end

  -- How many were released.
  return count
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::native::Program;

    #[test]
    fn the_scripts_run_natively_as_those_of_the_libraries_do() {
        for script in [
            Script::Release,
            Script::Extend,
            Script::AcquireAll,
            Script::ReleaseAll,
        ] {
            assert!(
                Program::compile(script.text().as_bytes()).is_ok(),
                "{script:?}"
            );
        }
    }

    #[test]
    fn every_workload_has_a_name_of_its_own() {
        for workload in Workload::all() {
            assert_eq!(Workload::named(workload.name()), Some(workload));
        }
        assert_eq!(Workload::all().count(), 10);
        assert_eq!(Workload::named("nosuch"), None);
    }

    #[test]
    fn the_keys_of_all_steps_of_a_workload_are_the_same() {
        let digests = vec![b"0123".to_vec(); 2];
        let filling = Filling {
            token: b"token",
            ttl_ms: 30_000,
            digests: &digests,
        };
        for workload in Workload::all() {
            let steps = workload.steps(&filling);
            let keys = if workload == Workload::NpmRedlock3 {
                3
            } else {
                1
            };
            assert!(steps.iter().all(|step| step.keys() == keys), "{workload:?}");
        }
        let get = &Workload::Get.steps(&filling)[0];
        assert_eq!(get.reply, b"$5\r\ntoken\r\n");
    }
}
