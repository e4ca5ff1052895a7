# The local cluster's keys, certificates and kubeconfigs: made here, valid for a year, made anew when
# they are about to expire or when this machine's address has changed.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

pki_days=365

# pki_request FILE SUBJECT EXTENSION... -- OPENSSL-ARGUMENT...: writes FILE.key and FILE.crt.
pki_request() {
  local file=$pki/$1 subject=$2 extensions=()
  shift 2
  while [[ $1 != -- ]]; do extensions+=(-addext "$1"); shift; done
  shift
  openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days "$pki_days" \
    -config <(printf '[req]\ndistinguished_name = dn\n[dn]\n') \
    -keyout "$file.key" -out "$file.crt" -subj "$subject" "${extensions[@]}" "$@" 2>>"$log/pki.log"
}

pki_authority() { pki_request "$1" "/CN=$1" basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign,cRLSign --; }

# pki_certificate NAME AUTHORITY SUBJECT [ALTERNATIVE-NAMES]
pki_certificate() {
  local extensions=("basicConstraints=critical,CA:FALSE" "extendedKeyUsage=clientAuth,serverAuth")
  [[ -z ${4:-} ]] || extensions+=("subjectAltName=$4")
  pki_request "$1" "$3" "${extensions[@]}" -- -CA "$pki/$2.crt" -CAkey "$pki/$2.key"
}

# pki_kubeconfig NAME FILE: credentials inside, so that the file may be copied.
pki_kubeconfig() {
  cat >"$2" <<YAML
apiVersion: v1
kind: Config
current-context: $context
clusters:
  - name: $context
    cluster:
      server: https://127.0.0.1:$api_port
      certificate-authority-data: $(base64 -w0 "$pki/ca.crt")
contexts:
  - name: $context
    context: { cluster: $context, user: $1 }
users:
  - name: $1
    user:
      client-certificate-data: $(base64 -w0 "$pki/$1.crt")
      client-key-data: $(base64 -w0 "$pki/$1.key")
YAML
}

pki_holds() {
  [[ -f $pki/complete && -f $kubeconfig && $(<"$pki/complete") == "$(node_address)" ]] &&
    openssl x509 -in "$pki/ca.crt" -noout -checkend $((7 * 86400)) >/dev/null
}

# pki_ensure: does nothing while what is there holds. Ask pki_holds first: a running cluster must restart.
pki_ensure() {
  local address names
  pki_holds && return
  address=$(node_address)
  names=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc
  names+=,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$service_first,IP:$address
  (
    umask 077
    rm -rf "$pki"
    mkdir -p "$pki"
    pki_authority ca
    pki_authority front-proxy-ca
    pki_certificate apiserver ca /CN=kube-apiserver "$names"
    pki_certificate kubelet-server ca "/O=system:nodes/CN=system:node:$node" "DNS:$node,DNS:localhost,IP:127.0.0.1,IP:$address"
    pki_certificate etcd ca /CN=etcd IP:127.0.0.1
    pki_certificate front-proxy-client front-proxy-ca /CN=front-proxy-client
    pki_certificate apiserver-kubelet-client ca /O=system:masters/CN=kube-apiserver-kubelet-client
    pki_certificate admin ca /O=system:masters/CN=admin
    pki_certificate kubelet ca "/O=system:nodes/CN=system:node:$node"
    pki_certificate controller-manager ca /CN=system:kube-controller-manager
    pki_certificate scheduler ca /CN=system:kube-scheduler
    pki_certificate proxy ca /CN=system:kube-proxy
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$pki/service-accounts.key" 2>>"$log/pki.log"
    pki_kubeconfig admin "$kubeconfig"
    for name in kubelet controller-manager scheduler proxy; do pki_kubeconfig "$name" "$pki/$name.kubeconfig"; done
    echo "$address" >"$pki/complete"
  ) || fail certificates "openssl could not make them" "$log/pki.log"
  say certificates "made, valid for $pki_days days, for 127.0.0.1 and $address"
}
