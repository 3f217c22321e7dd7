module storeplatform.local/pause

go 1.26.0
