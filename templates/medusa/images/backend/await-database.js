// Waits at most 30 s until the database of DATABASE_URL accepts a connection. A network policy can reject a new pod's
// first connections, and Medusa itself would retry only after a minute. If there is none, Medusa reports why.
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
