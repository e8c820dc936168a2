//! Replication, clusters, modules and what is kept on disk: there is none of it, and every command
//! that asks for it is told so in the words of a Redis that has none either.

use crate::clock::BootTime;
use crate::command::{Blocked, Caller, CommandResult, Context, Outcome, Sync, args};
use crate::error::{CommandError, KeeperError, Quoted};
use crate::resp::reply::Reply;

/// Replies the role in replication: a primary without replicas.
///
/// `ROLE`
pub fn role(_ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    let parts = vec![
        Reply::bulk("master"),
        Reply::Integer(0),
        Reply::Array(Vec::new()),
    ];
    Ok(Reply::Array(parts).into())
}

/// Waits for replicas to have what this connection wrote; replies how many have it: none.
///
/// `WAIT numreplicas timeout`
///
/// It waits for its whole time in milliseconds, 0 for ever, as a Redis without replicas does. In a
/// transaction it does not wait.
pub fn wait(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let replicas = args::integer(args[1])?;
    let end = args::timeout_end(args[2], ctx.now)?;
    block_unless(ctx, replicas <= 0, args[2], end, Reply::Integer(0))
}

/// Waits for the disk here and on replicas; replies how many have it: of replicas none.
///
/// `WAITAOF numlocal numreplicas timeout`
pub fn waitaof(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let local = args::integer(args[1])?;
    if !(0..=1).contains(&local) {
        return Err(CommandError::WaitLocalRange);
    }
    let replicas = args::integer(args[2])?;
    if replicas < 0 {
        return Err(CommandError::WaitReplicasRange);
    }
    let end = args::timeout_end(args[3], ctx.now)?;
    if local > 0 {
        return wait_for_disk(ctx, replicas, (args[3] != b"0").then_some(end));
    }
    block_unless(ctx, replicas == 0, args[3], end, has_it(0))
}

/// How many have what was written: the disk here, and replicas.
fn has_it(local: i64) -> Reply {
    Reply::Array(vec![Reply::Integer(local), Reply::Integer(0)])
}

/// Waits until everything that was written so far is on the disk; for replicas that there are not,
/// it waits until the end.
fn wait_for_disk(ctx: &Context<'_>, replicas: i64, end: Option<BootTime>) -> CommandResult {
    let keeper = ctx.instance.keeper.get();
    let keeper = keeper.ok_or(KeeperError::WaitWithoutAof)?;
    let ticket = keeper.ask_for_sync();
    let reply = has_it(i64::from(ticket.is_none()));
    if ctx.caller != Caller::Client || (ticket.is_none() && replicas == 0) {
        return Ok(reply.into());
    }
    let sync = ticket.map(|ticket| Sync {
        ticket,
        reply: has_it(1),
        ends_it: replicas == 0,
    });
    Ok(Outcome::Blocked(Box::new(Blocked { end, reply, sync })))
}

fn block_unless(
    ctx: &Context<'_>,
    is_reached: bool,
    timeout: &[u8],
    end: BootTime,
    reply: Reply,
) -> CommandResult {
    if is_reached || ctx.caller != Caller::Client {
        return Ok(reply.into());
    }
    let end = (timeout != b"0").then_some(end);
    Ok(Outcome::Blocked(Box::new(Blocked {
        end,
        reply,
        sync: None,
    })))
}

/// Stays what it is, a primary; to become a replica is refused.
///
/// `REPLICAOF NO ONE`, `SLAVEOF NO ONE`
pub fn replicaof(_ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    if args::is(args[1], "NO") && args::is(args[2], "ONE") {
        return Ok(Reply::OK.into());
    }
    let port = args::parse_integer(args[2]).filter(|port| (0..=65_535).contains(port));
    port.ok_or(CommandError::PrimaryPort)?;
    Err(CommandError::NoReplication)
}

/// Replies the loaded modules: none.
///
/// `MODULE LIST`
pub fn module_list(_ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Ok(Reply::Array(Vec::new()).into())
}

/// Refused, as it belongs to Redis Cluster.
///
/// `READONLY`, `READWRITE`, `ASKING`
pub fn only_in_cluster(_ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Err(CommandError::NoCluster)
}

/// The subcommands of CLUSTER with the fewest words that each takes, and whether it takes more.
const CLUSTER_SUBCOMMANDS: [(&str, usize, Rest); 28] = [
    ("addslots", 3, Rest::Some),
    ("addslotsrange", 4, Rest::Some),
    ("bumpepoch", 2, Rest::None),
    ("count-failure-reports", 3, Rest::None),
    ("countkeysinslot", 3, Rest::None),
    ("delslots", 3, Rest::Some),
    ("delslotsrange", 4, Rest::Some),
    ("failover", 2, Rest::Some),
    ("flushslots", 2, Rest::None),
    ("forget", 3, Rest::None),
    ("getkeysinslot", 4, Rest::None),
    ("help", 2, Rest::None),
    ("info", 2, Rest::None),
    ("keyslot", 3, Rest::None),
    ("links", 2, Rest::None),
    ("meet", 4, Rest::Some),
    ("myid", 2, Rest::None),
    ("myshardid", 2, Rest::None),
    ("nodes", 2, Rest::None),
    ("replicas", 3, Rest::None),
    ("replicate", 3, Rest::None),
    ("reset", 2, Rest::Some),
    ("saveconfig", 2, Rest::None),
    ("set-config-epoch", 3, Rest::None),
    ("setslot", 4, Rest::Some),
    ("shards", 2, Rest::None),
    ("slaves", 3, Rest::None),
    ("slots", 2, Rest::None),
];

/// Whether more words may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    None,
    Some,
}

/// Refused: this is no Redis Cluster.
///
/// `CLUSTER subcommand [arg [arg ...]]`
pub fn cluster(_ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let known = CLUSTER_SUBCOMMANDS
        .iter()
        .find(|(name, ..)| args::is(args[1], name));
    let Some((name, least, rest)) = known else {
        return Err(CommandError::UnknownSubcommand {
            container: "cluster",
            subcommand: Quoted::cut(args[1]),
        });
    };
    let fits = args.len() == *least || (args.len() > *least && *rest == Rest::Some);
    if !fits {
        let command = format!("cluster|{name}").into();
        return Err(CommandError::WrongArity { command });
    }
    Err(CommandError::NoCluster)
}

/// Refused: no snapshots are taken.
///
/// `SAVE`
pub fn save(_ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Err(CommandError::NothingOnDisk)
}

/// Has the journal written anew, as short as the keys allow, while the server goes on.
///
/// `BGREWRITEAOF`
pub fn bgrewriteaof(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    let keeper = ctx.instance.keeper.get();
    if keeper.ok_or(CommandError::NothingOnDisk)?.ask_for_rewrite() {
        return Err(KeeperError::RewriteRunning.into());
    }
    Ok(Reply::status("Background append only file rewriting started").into())
}

/// Refused: no snapshots are taken.
///
/// `BGSAVE [SCHEDULE]`
pub fn bgsave(_ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    match args[1..] {
        [] => Err(CommandError::NothingOnDisk),
        [word] if args::is(word, "SCHEDULE") => Err(CommandError::NothingOnDisk),
        _ => Err(CommandError::Syntax),
    }
}

/// Replies the Unix time of the last save; as in Redis that is the start of a server that has not
/// saved.
///
/// `LASTSAVE`
pub fn lastsave(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    let started = ctx.instance.clock.to_unix(ctx.instance.started());
    Ok(Reply::Integer(started.0.div_euclid(1000)).into())
}
