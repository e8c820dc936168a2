//! How often the server allocates for the commands of a lock: not at all.
//!
//! A binary of its own, since it counts in the global allocator. It drives a server of this process
//! over a socket with pipelined requests and counts what every thread but the client's allocates.
//! The keyspace has room already: a first round has made what it grows by.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quintlock::{Options, Server};

/// Requests in a batch, and keys.
const KEYS: usize = 200;
const BATCHES: usize = 20;
/// No reply may take longer.
const REPLY_WAIT: Duration = Duration::from_secs(60);

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IS_CLIENT: Cell<bool> = const { Cell::new(false) };
}

fn note() {
    if !IS_CLIENT.try_with(Cell::get).unwrap_or(true) {
        ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
    }
}

#[expect(unsafe_code, reason = "an allocator can only be wrapped so")]
// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        note();
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { System.realloc(pointer, layout, bytes) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Client {
    socket: TcpStream,
    replies: Vec<u8>,
}

impl Client {
    /// Sends one request for each key at once, and checks that each is answered with `reply`. A
    /// `#` in a request stands for the number of its key.
    fn batch(&mut self, request: &str, reply: &str) -> io::Result<()> {
        let mut requests = String::new();
        for key in 0..KEYS {
            let number = format!("{key:06}");
            let words: Vec<String> = request
                .split(' ')
                .map(|w| w.replace('#', &number))
                .collect();
            requests += &format!("*{}\r\n", words.len());
            for word in words {
                requests += &format!("${}\r\n{word}\r\n", word.len());
            }
        }
        let wanted = reply.repeat(KEYS);
        self.socket.write_all(requests.as_bytes())?;
        self.replies.resize(wanted.len(), 0);
        self.socket.read_exact(&mut self.replies)?;
        assert_eq!(String::from_utf8_lossy(&self.replies), wanted, "{request}");
        Ok(())
    }

    /// What the server allocates for `BATCHES` batches of a request, each prepared by a batch of
    /// another that is not counted.
    fn allocations(&mut self, prepare: (&str, &str), request: (&str, &str)) -> io::Result<u64> {
        let mut allocations = 0;
        // The first round makes what stays: buffers, entries, places in tables.
        for round in 0..=BATCHES {
            self.batch(prepare.0, prepare.1)?;
            let before = ALLOCATIONS.load(Ordering::SeqCst);
            self.batch(request.0, request.1)?;
            if round > 0 {
                allocations += ALLOCATIONS.load(Ordering::SeqCst) - before;
            }
        }
        Ok(allocations)
    }
}

#[test]
fn the_commands_of_a_lock_allocate_nothing() -> Result<(), Box<dyn std::error::Error>> {
    IS_CLIENT.set(true);
    let server = Server::start(&Options::manual_clock().set("io-threads", "1"))?;
    let socket = TcpStream::connect(server.address())?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(REPLY_WAIT))?;
    let mut client = Client {
        socket,
        replies: Vec::new(),
    };
    // A script without blanks, so that words can be told apart by them.
    let script = "if(redis.call('get',KEYS[1])==ARGV[1])then\treturn\tredis.call('del',KEYS[1])\telse\treturn(0)end";
    let extend = "if(redis.call('get',KEYS[1])==ARGV[1])then\treturn\tredis.call('pexpire',KEYS[1],ARGV[2])\telse\treturn(0)end";
    let sha1 = load(&mut client, script)?;
    let extend_sha1 = load(&mut client, extend)?;

    let (key, token) = (
        "lock:order:number:#",
        "0123456789abcdef0123456789abcdef0123",
    );
    let del = format!("DEL {key}");
    let set = format!("SET {key} {token} NX PX 30000");
    let evalsha = format!("EVALSHA {sha1} 1 {key} {token}");
    let stranger = format!("EVALSHA {sha1} 1 {key} other");
    let extend = format!("EVALSHA {extend_sha1} 1 {key} {token} 30000");
    let get = format!("GET {key}");
    let pexpire = format!("PEXPIRE {key} 30000");
    let value = format!("${}\r\n{token}\r\n", token.len());
    let (one, zero, ok, null) = (":1\r\n", ":0\r\n", "+OK\r\n", "$-1\r\n");
    let ping = ("PING", "+PONG\r\n");

    let mut counted = Vec::new();
    let mut count = |name, client: &mut Client, prepare, request| {
        client
            .allocations(prepare, request)
            .map(|allocations| counted.push((name, allocations)))
    };
    client.batch(&set, ok)?;
    count("SET NX PX granted", &mut client, (&del, one), (&set, ok))?;
    count("SET NX PX refused", &mut client, ping, (&set, null))?;
    count("GET", &mut client, ping, (&get, &value))?;
    count("PEXPIRE", &mut client, ping, (&pexpire, one))?;
    count("EVALSHA extend", &mut client, ping, (&extend, one))?;
    count("EVALSHA refused", &mut client, ping, (&stranger, zero))?;
    client.batch(&del, one)?;
    count("EVALSHA release", &mut client, (&set, ok), (&evalsha, one))?;
    count("DEL", &mut client, (&set, ok), (&del, one))?;
    count("GET of nothing", &mut client, ping, (&get, null))?;
    let long = format!("SET {key} {}", token.repeat(2));
    let allocations = client.allocations(ping, (&long, ok))?;
    let requests = (BATCHES * KEYS) as u64;
    // A batch that the system hands over in two pieces leaves half a request to be kept.
    let cut_batches = requests / 50;
    assert!(
        (requests..requests + cut_batches).contains(&allocations),
        "{allocations} allocations in {requests} requests: each long value is one"
    );
    assert!(
        counted
            .iter()
            .all(|(_, allocations)| *allocations < cut_batches),
        "allocations in {requests} requests each: {counted:?}"
    );
    Ok(())
}

/// Loads a script and returns its SHA-1.
fn load(client: &mut Client, script: &str) -> io::Result<String> {
    let request = format!(
        "*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n${}\r\n{script}\r\n",
        script.len()
    );
    client.socket.write_all(request.as_bytes())?;
    let mut reply = [0; "$40\r\n".len() + 40 + 2];
    client.socket.read_exact(&mut reply)?;
    Ok(String::from_utf8_lossy(&reply[5..45]).into_owned())
}
