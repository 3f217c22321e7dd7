"""Small objects for the control plane's own tests."""

from .client import Object

IMAGE = "registry.example/app:1"


def pod_template(labels: dict[str, str], **spec: object) -> Object:
    """A pod template of one container."""
    return {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": IMAGE}], **spec}}


def deployment(name: str, namespace: str, replicas: int = 1) -> Object:
    """A Deployment of one-container pods labelled `app: <name>`."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod_template(labels)},
    }


def job(name: str, namespace: str, labels: dict[str, str] | None = None) -> Object:
    """A Job of one pod that is not retried."""
    template = pod_template(labels or {}, restartPolicy="Never")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"backoffLimit": 0, "template": template},
    }


def claim(name: str, namespace: str) -> Object:
    """A PersistentVolumeClaim of the default StorageClass."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def config_map(name: str, namespace: str, **data: str) -> Object:
    """A ConfigMap."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def condition(obj: Object, kind: str) -> str:
    """The status ("True", "False", "Unknown") of an object's condition; empty when it has none."""
    return next((each["status"] for each in obj["status"].get("conditions", []) if each["type"] == kind), "")
