// Waits until the database of DATABASE_URL takes a connection, for 30 s at most. A network policy can refuse a new pod's
// first connections, and Medusa itself tries again only after a minute. Why there is none, Medusa then reports.
const { connect } = require("node:net")

const { hostname, port } = new URL(process.env.DATABASE_URL)
const deadline = Date.now() + 30_000

function attempt() {
  const socket = connect({ host: hostname, port: Number(port) || 5432, timeout: 5_000 })
  const again = () => {
    socket.destroy()
    if (Date.now() < deadline) setTimeout(attempt, 250)
  }
  socket.once("connect", () => socket.destroy())
  socket.once("timeout", again)
  socket.once("error", again)
}

attempt()
