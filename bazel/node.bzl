"""node_program: JavaScript modules with the npm packages that they import, as one folder."""

def _node_program_impl(ctx):
    folder = ctx.actions.declare_directory(ctx.label.name)
    arguments = ctx.actions.args()
    arguments.add(folder.path)
    inputs = []
    for src in ctx.files.srcs:
        inputs.append(src)
        arguments.add_joined([src.path, src.basename], join_with = "=")
    for module, name in ctx.attr.modules.items():
        repository = module.label.workspace_root + "/"
        for file in module.files.to_list():
            inputs.append(file)
            target = "node_modules/%s/%s" % (name, file.path.removeprefix(repository))
            arguments.add_joined([file.path, target], join_with = "=")
    ctx.actions.run_shell(
        arguments = [arguments],
        command = """\
set -eu
folder=$1
shift
for pair in "$@"; do
  target=$folder/${pair##*=}
  mkdir -p "${target%/*}"
  cp -L "${pair%%=*}" "$target"
done
""",
        inputs = inputs,
        mnemonic = "NodeProgram",
        outputs = [folder],
    )
    return [DefaultInfo(files = depset([folder]), runfiles = ctx.runfiles([folder]))]

node_program = rule(
    implementation = _node_program_impl,
    attrs = {
        "modules": attr.label_keyed_string_dict(
            doc = "The `module` of each npm package, with all that it imports in turn: what it is called.",
        ),
        "srcs": attr.label_list(
            allow_files = [".mjs"],
            doc = "The modules, all put into one folder.",
        ),
    },
    doc = """Node looks for packages beside a module's real path, so both are copied into one folder.

A test gets the folder as $(rootpath) and runs NODE_BIN on a module in it.""",
)
