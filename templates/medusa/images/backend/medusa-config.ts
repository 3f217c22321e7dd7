import { defineConfig } from "@medusajs/framework/utils"

const environment = process.env

// Without Redis, Medusa's own modules keep events, locks and sessions in the process: run one replica.
module.exports = defineConfig({
  projectConfig: {
    databaseUrl: environment.DATABASE_URL,
    workerMode: (environment.MEDUSA_WORKER_MODE ?? "shared") as "shared" | "worker" | "server",
    http: {
      storeCors: environment.STORE_CORS ?? "",
      adminCors: environment.ADMIN_CORS ?? "",
      authCors: environment.AUTH_CORS ?? "",
      jwtSecret: environment.JWT_SECRET,
      cookieSecret: environment.COOKIE_SECRET,
    },
    // Medusa's production cookies are Secure: over plain HTTP nobody could sign in to the admin.
    cookieOptions: environment.COOKIE_SECURE === "false" ? { secure: false } : {},
  },
  admin: {
    disable: environment.DISABLE_MEDUSA_ADMIN === "true",
    // Compiled into the admin's pages: the same host serves them and the API.
    backendUrl: "/",
  },
  modules: [
    {
      resolve: "@medusajs/medusa/payment",
      // Its keys belong to the owner, and may be added and removed while the shop is open: see src/integrations.
      options: { providers: [{ resolve: "./src/modules/stripe", id: "stripe" }] },
    },
    {
      resolve: "@medusajs/medusa/notification",
      options: {
        providers: [
          // Medusa's default, which the admin shows.
          { resolve: "@medusajs/medusa/notification-local", id: "local", options: { channels: ["feed"] } },
          { resolve: "./src/modules/mail", id: "mail", options: { channels: ["email"] } },
        ],
      },
    },
    {
      resolve: "@medusajs/medusa/file",
      options: {
        providers: [
          {
            resolve: "@medusajs/medusa/file-local",
            id: "local",
            // Written below ./static, and served to browsers at this address.
            options: { backend_url: environment.FILE_BASE_URL },
          },
        ],
      },
    },
  ],
})
