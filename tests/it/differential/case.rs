//! A sequence of requests on a few connections, run on two servers in lockstep.
//!
//! A batch goes to both servers, both answers are awaited, then the next batch goes: so what one
//! connection does is done before another begins, and the two servers are asked the same.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::support::frame::Frame;
use crate::support::seed::Seed;
use crate::support::words::quoted;

use super::normal::{self, View};
use super::request::{self, Words};
use super::rows::Rows;
use super::side::{self, Answer, Side};

/// Requests in a case.
pub(super) const LENGTH: usize = 100;

/// Requests that may be sent before an answer is awaited.
const BATCH_MAX: usize = 16;

/// A request, and the connection that it is sent on.
#[derive(Clone, Debug)]
pub(super) struct Step {
    connection: usize,
    words: Words,
    /// Whether it is sent together with the step before, which is on the same connection.
    is_pipelined: bool,
}

/// The two servers.
pub(super) struct Pair {
    pub(super) sides: [Side; 2],
    /// Names and values to which a case begins.
    pub(super) settings: Vec<(String, String)>,
    /// Whether the answers are compared as RESP2 has them.
    pub(super) reading: Reading,
    /// Commands that were answered by something else than an error, in lower case.
    pub(super) answered: BTreeSet<String>,
}

/// What of an answer is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Its bytes.
    Exact,
    /// What RESP2 would say.
    AsResp2,
}

/// Where two servers differ.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    /// The step; the number of steps for what publishers told.
    pub(super) step: usize,
    /// What both said.
    pub(super) said: [String; 2],
}

/// A random case.
pub(super) fn draw(seed: &mut Seed, rows: &Rows, connections: usize) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_in_multi = vec![false; connections];
    while steps.len() < LENGTH {
        let connection = seed.below(connections);
        let begin = steps.len();
        for _ in 0..1 + seed.below(BATCH_MAX) {
            let words = if is_in_multi[connection] && seed.is_one_in(5) {
                let name = seed.one_of(&["EXEC", "exec", "EXEC", "DISCARD"]);
                vec![name.as_bytes().to_vec()]
            } else {
                request::draw(seed, rows)
            };
            match &*words[0].to_ascii_lowercase() {
                // Redis answers one half of such an EXEC in the old protocol and one in the new.
                b"hello" if is_in_multi[connection] => continue,
                b"multi" => is_in_multi[connection] = true,
                b"exec" | b"discard" | b"reset" | b"quit" => is_in_multi[connection] = false,
                _ => {}
            }
            steps.push(Step {
                connection,
                words,
                is_pipelined: steps.len() > begin,
            });
        }
    }
    steps
}

/// Runs the steps from an empty server; the first difference.
pub(super) fn run(pair: &mut Pair, steps: &[Step]) -> Option<Difference> {
    for side in &mut pair.sides {
        side.send_reset(&pair.settings);
    }
    for side in &mut pair.sides {
        side.finish_reset(&pair.settings);
    }
    let has_past_times = has_past_times(steps);
    let mut queued: Vec<Vec<Vec<View>>> = vec![Vec::new(); 3];
    let mut begin = 0;
    while begin < steps.len() {
        let rest = &steps[begin + 1..];
        let more = rest.iter().take_while(|step| step.is_pipelined).count();
        let batch = &steps[begin..=begin + more];
        let connection = batch[0].connection;
        let requests: Vec<&Words> = batch.iter().map(|step| &step.words).collect();
        for side in &mut pair.sides {
            side.send(connection, &requests);
        }
        let [ones, others] = &mut pair.sides;
        let ones = ones.receive(connection, batch.len());
        let others = others.receive(connection, batch.len());
        for (at, (one, other)) in ones.iter().zip(&others).enumerate() {
            let views = views_of(&batch[at].words, has_past_times);
            let are_same = same_answers(pair.reading, &views, &queued[connection], one, other);
            note_answered(&mut pair.answered, &batch[at].words, one);
            note_queued(&mut queued[connection], views, one);
            if !are_same {
                let said = [show_answer(one), show_answer(other)];
                let step = begin + at;
                return Some(Difference { step, said });
            }
        }
        begin += more + 1;
    }
    compare_messages(pair, steps.len())
}

/// Redis lets SET give a key a time that is over. Until its cycle meets that key, or a command
/// that minds does, it is counted by DBSIZE and has a size for MEMORY USAGE.
fn has_past_times(steps: &[Step]) -> bool {
    let is_absolute = |word: &Vec<u8>| {
        let text = String::from_utf8_lossy(word).to_ascii_lowercase();
        text.contains("exat") || text.contains("pxat")
    };
    steps.iter().any(|step| step.words.iter().any(is_absolute))
}

fn views_of(words: &Words, has_past_times: bool) -> Vec<View> {
    let mut views = normal::views(words);
    let names = normal::named(words);
    if has_past_times && names.iter().any(|name| name == "dbsize" || name == "usage") {
        views.push(View::Anything);
    }
    views
}

/// Keeps the names under which a request may stand in the table, if it was not refused.
fn note_answered(answered: &mut BTreeSet<String>, words: &Words, answer: &Answer) {
    let is_refused = |reply: &Frame| match reply {
        Frame::Line(b'-', _) => true,
        Frame::Line(b'+', line) => line == b"QUEUED",
        _ => false,
    };
    if answer.replies.iter().any(is_refused) {
        return;
    }
    let lower = |word: &Vec<u8>| String::from_utf8_lossy(word).to_ascii_lowercase();
    let name = lower(&words[0]);
    if let Some(second) = words.get(1) {
        answered.insert(format!("{name}|{}", lower(second)));
    }
    answered.insert(name);
}

/// Keeps the list of what a transaction will answer: each request, and the PING behind it.
fn note_queued(queued: &mut Vec<Vec<View>>, views: Vec<View>, answer: &Answer) {
    if !answer.is_in_multi {
        queued.clear();
        return;
    }
    if matches!(&answer.replies[..], [Frame::Line(b'+', line)] if line == b"QUEUED") {
        queued.push(views);
    }
    queued.push(Vec::new());
}

fn same_answers(
    reading: Reading,
    views: &[View],
    queued: &[Vec<View>],
    one: &Answer,
    other: &Answer,
) -> bool {
    let read = |frame: &Frame| match reading {
        Reading::Exact => frame.clone(),
        Reading::AsResp2 => normal::in_resp2(frame),
    };
    if one.end != other.end {
        return false;
    }
    let has_message = |answer: &Answer| {
        let is_inside = |reply: &Frame| match reply {
            Frame::Aggregate(_, parts) => parts.iter().any(side::is_message),
            _ => false,
        };
        answer.replies.iter().any(is_inside)
    };
    let is_spread = queued.iter().any(|views| views.contains(&View::Spread));
    if is_spread || has_message(one) || has_message(other) {
        let [one, other] = [one, other].map(|answer| {
            let mut leaves = Vec::new();
            answer
                .replies
                .iter()
                .for_each(|reply| spread(&read(reply), &mut leaves));
            channels_only(&Frame::Aggregate(b'*', leaves))
        });
        return normal::are_same(&queued.concat(), &one, &other);
    }
    if one.replies.len() != other.replies.len() {
        return false;
    }
    let all_views: Vec<View>;
    let mut views = views;
    if one.replies.len() > 1 && views.contains(&View::AnyOrder) {
        let whole =
            |answer: &Answer| Frame::Aggregate(b'*', answer.replies.iter().map(read).collect());
        return normal::are_same(
            views,
            &channels_only(&whole(one)),
            &channels_only(&whole(other)),
        );
    }
    if let ([Frame::Aggregate(_, parts)], [Frame::Aggregate(_, others)]) =
        (&one.replies[..], &other.replies[..])
        && parts.len() == queued.len()
        && parts.len() == others.len()
        && !queued.is_empty()
    {
        let mut pairs = parts.iter().zip(others).zip(queued);
        if pairs.all(|((part, other), views)| normal::are_same(views, &read(part), &read(other))) {
            return true;
        }
        all_views = queued.concat();
        views = &all_views;
    }
    let mut pairs = one.replies.iter().zip(&other.replies);
    pairs.all(|(one, other)| normal::are_same(views, &read(one), &read(other)))
}

/// Everything in a frame that is no aggregate, and no part of a publisher's message.
fn spread(frame: &Frame, leaves: &mut Vec<Frame>) {
    match frame {
        message if side::is_message(message) => {}
        Frame::Aggregate(_, parts) => parts.iter().for_each(|part| spread(part, leaves)),
        other => leaves.push(other.clone()),
    }
}

/// Takes the counts out of the answers to UNSUBSCRIBE, which go down in the order of the channels.
fn channels_only(frame: &Frame) -> Frame {
    match frame {
        Frame::Aggregate(kind, parts) => {
            let parts = parts
                .iter()
                .filter(|part| !matches!(part, Frame::Line(b':', _)));
            Frame::Aggregate(*kind, parts.map(channels_only).collect())
        }
        other => other.clone(),
    }
}

/// Compares what publishers told each connection. That a key expired is told by a cycle of Redis,
/// here at once.
fn compare_messages(pair: &mut Pair, step: usize) -> Option<Difference> {
    let is_expiry = |frame: &Frame| match frame {
        Frame::Aggregate(_, parts) => parts.iter().any(|part| match part {
            Frame::Blob(_, text) => text.ends_with(b"expired"),
            _ => false,
        }),
        _ => false,
    };
    let reading = pair.reading;
    let [one, other] = pair.sides.each_mut().map(|side| {
        let told = side.messages().into_iter().map(|messages| {
            let meant = messages.into_iter().filter(|message| !is_expiry(message));
            let read = meant.map(|message| match reading {
                Reading::Exact => message,
                Reading::AsResp2 => normal::in_resp2(&message),
            });
            let mut read: Vec<Frame> = read.collect();
            // One message to several patterns of a client: Redis takes these from a hash table.
            read.sort_by_cached_key(|message| {
                subscription(message)
                    .iter()
                    .flat_map(Frame::encode)
                    .collect::<Vec<u8>>()
            });
            read.iter().map(Frame::to_string).collect::<Vec<_>>()
        });
        told.collect::<Vec<_>>()
    });
    let said = [format!("{one:?}"), format!("{other:?}")];
    (one != other).then_some(Difference { step, said })
}

/// The kind of a message, and the channel or pattern that was subscribed to.
fn subscription(message: &Frame) -> Vec<Frame> {
    match message {
        Frame::Aggregate(_, parts) => parts.iter().take(2).cloned().collect(),
        other => vec![other.clone()],
    }
}

fn show_answer(answer: &Answer) -> String {
    let mut shown: Vec<String> = answer.replies.iter().map(Frame::to_string).collect();
    shown.extend(answer.end.clone());
    shown.join("\n            ")
}

/// The shortest sequence found that still differs, and its difference.
pub(super) fn shrink(
    pair: &mut Pair,
    mut steps: Vec<Step>,
    mut found: Difference,
) -> (Vec<Step>, Difference) {
    steps.truncate(found.step + 1);
    let mut size = steps.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + size).min(steps.len()));
            unpipeline(&mut fewer);
            match run(pair, &fewer) {
                Some(difference) => (steps, found) = (fewer, difference),
                None => at += size,
            }
        }
        size /= 2;
    }
    (steps, found)
}

/// What is sent together is on one connection, and has a beginning.
fn unpipeline(steps: &mut [Step]) {
    let mut before = None;
    for step in steps {
        step.is_pipelined &= before == Some(step.connection);
        before = Some(step.connection);
    }
}

/// The steps as lines of a transcript.
pub(super) fn show(steps: &[Step], found: &Difference, names: [&str; 2]) -> String {
    let mut text = String::new();
    for step in steps {
        let words: Vec<String> = step.words.iter().map(|word| quoted(word)).collect();
        let _ = writeln!(text, "  {}> {}", step.connection, words.join(" "));
    }
    for (name, said) in names.iter().zip(&found.said) {
        let _ = writeln!(text, "    {name:<10}{said}");
    }
    text
}

/// Two differences of one kind have the same last request and answers that begin alike.
pub(super) fn kind_of(steps: &[Step], found: &Difference) -> String {
    let last = steps.last().map(|step| &step.words[..]).unwrap_or_default();
    let words = last.iter().take(1).map(|word| word.to_ascii_uppercase());
    let name = words
        .map(|word| quoted(&word))
        .collect::<Vec<_>>()
        .join(" ");
    let begins = found.said.each_ref().map(|said| {
        let digits = |letter: char| !letter.is_ascii_digit();
        said.chars()
            .filter(|letter| digits(*letter))
            .take(24)
            .collect::<String>()
    });
    format!("{name} {begins:?}")
}
