//! What outlives the process. Snapshots are Redis's alone: their lines are those of a server that
//! has taken none.

use super::lines;
use crate::clock::BootTime;
use crate::durability::Keeper;
use crate::instance::Instance;

pub(super) fn persistence(instance: &Instance, now: BootTime, text: &mut String) {
    let keeper = instance.keeper.get();
    let loading_ms = keeper.and_then(|keeper| keeper.loading_ms(now));
    let started = instance.clock.to_unix(instance.started());
    let started_s = started.0.div_euclid(1000);
    let dump = instance.dump.get().copied().unwrap_or_default();
    lines!(text,
        "loading": i32::from(loading_ms.is_some()),
        "async_loading": 0,
        "current_cow_peak": 0,
        "current_cow_size": 0,
        "current_cow_size_age": 0,
        "current_fork_perc": "0.00",
        "current_save_keys_processed": 0,
        "current_save_keys_total": 0,
        "rdb_bgsave_in_progress": 0,
        "rdb_last_save_time": started_s,
        "rdb_last_bgsave_status": "ok",
        "rdb_last_bgsave_time_sec": -1,
        "rdb_current_bgsave_time_sec": -1,
        "rdb_saves": 0,
        "rdb_last_cow_size": 0,
        "rdb_last_load_keys_expired": dump.expired,
        "rdb_last_load_keys_loaded": dump.keys,
        "aof_enabled": i32::from(keeper.is_some()),
    );
    match keeper {
        None => no_journal(text),
        Some(keeper) => journal(keeper, text),
    }
    if let (Some(keeper), Some(rest_ms)) = (keeper, loading_ms) {
        // All is read; what is left is time.
        let bytes = keeper.rewrite_state().bytes;
        lines!(text,
            "loading_start_time": started_s,
            "loading_total_bytes": bytes,
            "loading_rdb_used_mem": 0,
            "loading_loaded_bytes": bytes,
            "loading_loaded_perc": "100.00",
            "loading_eta_seconds": rest_ms.div_ceil(1000),
        );
    }
    lines!(text, "durability": instance.config.settings.durability.mode.name());
    if let Some(keeper) = keeper {
        let status = keeper.status(now);
        lines!(text,
            "horizon_ms": status.horizon_ms,
            "horizon_syncs": status.horizon_syncs,
            "journal_syncs": status.journal_syncs,
            "unguarded_grants": status.unguarded,
            "lost_changes": status.lost,
        );
    }
}

fn no_journal(text: &mut String) {
    lines!(text,
        "aof_rewrite_in_progress": 0,
        "aof_rewrite_scheduled": 0,
        "aof_last_rewrite_time_sec": -1,
        "aof_current_rewrite_time_sec": -1,
        "aof_last_bgrewrite_status": "ok",
        "aof_rewrites": 0,
        "aof_rewrites_consecutive_failures": 0,
        "aof_last_write_status": "ok",
        "aof_last_cow_size": 0,
        "module_fork_in_progress": 0,
        "module_fork_last_cow_size": 0,
    );
}

fn journal(keeper: &Keeper, text: &mut String) {
    let state = keeper.rewrite_state();
    let seconds = |s: Option<u64>| s.map_or(-1, |s| i64::try_from(s).unwrap_or(i64::MAX));
    let status = |is_ok: bool| if is_ok { "ok" } else { "err" };
    lines!(text,
        "aof_rewrite_in_progress": i32::from(state.is_running),
        "aof_rewrite_scheduled": i32::from(state.is_asked),
        "aof_last_rewrite_time_sec": seconds(state.last_s),
        "aof_current_rewrite_time_sec": seconds(state.running_s),
        "aof_last_bgrewrite_status": status(state.failures == 0),
        "aof_rewrites": state.rewrites,
        "aof_rewrites_consecutive_failures": state.failures,
        "aof_last_write_status": status(!keeper.is_failing()),
        "aof_last_cow_size": 0,
        "module_fork_in_progress": 0,
        "module_fork_last_cow_size": 0,
        "aof_current_size": state.bytes,
        "aof_base_size": state.base_bytes,
        "aof_pending_rewrite": 0,
        "aof_buffer_length": 0,
        "aof_pending_bio_fsync": 0,
        "aof_delayed_fsync": 0,
    );
}
