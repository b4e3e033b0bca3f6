# Checks of pint (https://cloudflare.github.io/pint/), run in this folder: pint --offline lint .
# All offline checks are on. An exception would stand beside its rule, with the reason.

parser {
  include = [".*rule\\.yaml"]
}

rule {
  match {
    kind = "alerting"
  }

  label "severity" {
    values   = ["critical", "warning", "info", "none"]
    required = true
    severity = "bug"
  }

  annotation "summary" {
    value    = "[A-Z][^{}]+\\."
    required = true
    severity = "bug"
    comment  = "One sentence without templates: it is the subject of messages and groups alerts."
  }

  annotation "description" {
    required = true
    severity = "bug"
  }

  annotation "runbook_url" {
    value    = "https://.+/{{ $alert }}/runbook.md"
    required = true
    severity = "bug"
  }

  annotation "dashboard_url" {
    required = true
    severity = "bug"
  }

  name "(KubeBackup|BackupSentinel|NsBackup)[A-Z][A-Za-z]+" {
    severity = "bug"
  }
}

rule {
  match {
    kind = "recording"
    path = "recording/.*"
  }

  name "cluster_operator:kube_backup_[a-z_]+:[a-z0-9_]+" {
    severity = "bug"
    comment  = "level:metric:operation"
  }
}
