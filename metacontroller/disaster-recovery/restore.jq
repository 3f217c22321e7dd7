# How each part of what save printed is created on another cluster. Objects get new uids there, so all that names an old
# one is left out or given the new one: a volume whose claim has another uid counts as lost, and an object whose owner has
# another uid is collected as garbage.

def list: {apiVersion: "v1", kind: "List", items: .};

def born_anew:
  del(.status)
  | .metadata |= with_entries(select(.key | IN("name", "namespace", "labels", "annotations")))
  | if .metadata.annotations then
      .metadata.annotations |= del(.["pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller"])
    else . end;

# What was being deleted stays deleted.
def living: map(select(.metadata.deletionTimestamp == null));

def quotas: .quotas | map(born_anew);

def stores: .stores | living | map(born_anew);

# The versions that run and were rejected, what was restored, when it expires: none of it is in the spec.
def statuses: .stores | living | map(select(.status) | {apiVersion, kind, metadata: {name: .metadata.name}, spec, status});

# By each Store's old uid the new one. $created: the Stores as they are on this cluster.
def new_uids($created):
  ($created | map({key: .metadata.name, value: .metadata.uid}) | from_entries) as $by_name
  | .stores | living | map({key: .metadata.uid, value: $by_name[.metadata.name]}) | from_entries;

# Metacontroller adopts what has no owner and carries its Store's uid in this label. The same label stands in its
# annotation of what it applied last, which the hooks answer with where they leave an object as it is.
def children($created):
  new_uids($created) as $uids
  | .children | living | map(
      .metadata.labels["controller-uid"] as $old
      | select($uids[$old])
      | born_anew | tojson | gsub($old; $uids[$old]) | fromjson
    );

# Each is kept for the claim that had it.
def volumes($created):
  (children($created) | map(select(.kind == "PersistentVolumeClaim") | {key: (.spec.volumeName // ""), value: true})
    | from_entries) as $claimed
  | .volumes | living | map(select($claimed[.metadata.name])) | map(
      born_anew | .spec.claimRef |= {apiVersion, kind, namespace, name}
    );
