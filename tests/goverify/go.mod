module k8srun.dev/goverify

go 1.26
