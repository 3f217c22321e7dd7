import { ModuleProvider, Modules } from "@medusajs/framework/utils"

import Mail from "./service"

export default ModuleProvider(Modules.NOTIFICATION, { services: [Mail] })
