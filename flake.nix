# The tools of the build, pinned by flake.lock. Why each is as it is: tools/nix/README.md.
{
  description = "Bodega's development shell";
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { nixpkgs, ... }:
    let
      version = "7.7.1"; # as .bazelversion says
      releases = {
        x86_64-linux.file = "bazel-${version}-linux-x86_64";
        x86_64-linux.sha256 = "115a1b62be95f29e5821d4dddffba1b058905a48019b499919c285e7f708d5e2";
        aarch64-linux.file = "bazel-${version}-linux-arm64";
        aarch64-linux.sha256 = "71df04ec724f1b577f1f47ec9a6b81d13f39683f6c3215cacf45fdaf40b2c5c1";
      };

      # The official binary, byte for byte, in a root where it finds what it was linked against.
      makeBazel =
        pkgs: release:
        let
          origin = "https://github.com/bazelbuild/bazel/releases/download/${version}";
          binary = pkgs.runCommand "bazel-binary" {
            src = pkgs.fetchurl { url = "${origin}/${release.file}"; inherit (release) sha256; };
          } "install -D -m 755 $src $out/bin/bazel";
          libraries = "${pkgs.stdenv.cc.cc.lib}/lib"; # libstdc++ for wheels
          # In that root /etc/passwd and others of its kind are links below /.host-etc. An action and a
          # test find these there, whatever the host has.
          sandboxEtc = pkgs.runCommand "sandbox-etc" { } ''
            mkdir $out && cd $out && touch resolv.conf
            echo "127.0.0.1 localhost" >hosts
            printf '%s\n' root:x:0:0::/:/bin/sh nobody:x:65534:65534::/:/bin/sh >passwd
            printf '%s\n' root:x:0: nogroup:x:65534: >group
            printf '%s\n' "passwd: files" "group: files" "hosts: files" >nsswitch.conf
          '';
          bazelrc = pkgs.writeTextDir "etc/bazel.bazelrc" ''
            startup --server_javabase=${pkgs.jdk21_headless.home}
            build --action_env=LD_LIBRARY_PATH=${libraries}
            build --host_action_env=LD_LIBRARY_PATH=${libraries}
            build --sandbox_add_mount_pair=/nix
            build --sandbox_add_mount_pair=${sandboxEtc}:/.host-etc
          '';
        in
        pkgs.buildFHSEnv {
          pname = "bazel";
          inherit version;
          targetPkgs = tools: with tools; [ bazelrc file gnupatch unzip which zip ];
          runScript = "${binary}/bin/bazel";
          profile = ''
            export LD_LIBRARY_PATH=${libraries} # for `bazel run`
            chmod 555 /etc # complete by now; no action may add to it
          '';
          extraBwrapArgs = [
            "--remount-ro /nix" # where its user owns the store, actions could add to it
            "--bind /proc /proc" # or linux-sandbox cannot mount its own
          ];
          extraPreBwrapCmds = "trap '' INT"; # Ctrl-C is for what runs inside
          dieWithParent = false;
        };
    in
    {
      devShells = builtins.mapAttrs (
        system: release:
        let pkgs = nixpkgs.legacyPackages.${system}; in
        {
          default = pkgs.mkShell {
            packages = [ (makeBazel pkgs release) ] ++ (with pkgs; [
              python314 git nix
              chromium curl nghttp2 nodejs_24 openssl podman postgresql_18 prometheus.cli shellcheck skopeo
            ]);
          };
        }
      ) releases;
    };
}
