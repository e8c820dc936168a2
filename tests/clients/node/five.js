// A Redlock deployment as the suites see it: five addresses, one client connection to each, and views of one key.

/** Connections to the five; `lazily` tolerates servers that are down. */
export async function connectFive(library, addresses, { lazily = false } = {}) {
  const connect = (address) => (lazily ? library.connectLazily(address) : library.connect(address));
  const connections = await Promise.all(addresses.map(connect));
  return {
    connections,
    forRedlock5: connections.map((connection) => connection.forRedlock),
    forRedlock4: connections.map((connection) => connection.native),
    values: (key, count = connections.length) => Promise.all(connections.slice(0, count).map((connection) => connection.read(key))),
    ttlsMs: (key) => Promise.all(connections.map((connection) => connection.ttlMs(key))),
    held: async (key, count = connections.length) => {
      const found = await Promise.all(connections.slice(0, count).map((connection) => connection.exists(key)));
      return found.reduce((sum, exists) => sum + exists, 0);
    },
    remove: (key) => Promise.all(connections.map((connection) => connection.remove(key))),
    close: () => connections.forEach((connection) => connection.close()),
  };
}
