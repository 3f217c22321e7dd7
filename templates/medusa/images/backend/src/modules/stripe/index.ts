import { ModuleProvider, Modules } from "@medusajs/framework/utils"

import HostedStripe from "./service"

export default ModuleProvider(Modules.PAYMENT, { services: [HostedStripe] })
