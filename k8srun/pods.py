"""Pods as the API has them: the pod specs of whatever kind carries one."""
