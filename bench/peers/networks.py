"""The systems in PyTorch by their names, with the parameters that Soma's have, in Soma's order; and their optimizers."""
import blood_cells as blood
import imagenet
import torch
from inception import inception
from ms_resnet import MsResnet18
from spiking import Neurallnet, Scnn
from spiking_attention_net import SpikingAttentionNet
from vision_net import VisionNet

STAGES = (2, 2, 2)
HIDDEN = (512, 256)

DENSE = {
    "ae-cnn": lambda size: blood.AeCnn(),
    "cnn": lambda size: blood.cnn(size, 1),
    "cnn-stride2": lambda size: blood.cnn(size, 2),
    **{f"cnn-ablation-{i}": lambda size, i=i: blood.ablation(size, i) for i in blood.ABLATIONS},
    "vgg": lambda size: blood.vgg(size, (*STAGES, 2)),
    "vgg8": lambda size: blood.vgg(size, STAGES, HIDDEN),
    "vgg12": lambda size: blood.vgg(size, (*STAGES, 3), HIDDEN),
    "vgg15": lambda size: blood.vgg(size, (*STAGES, 3, 3), HIDDEN),
    "vgg18": lambda size: blood.vgg(size, (*STAGES, 3, 3, 3), HIDDEN),
    "autoclassifier": lambda size: blood.AutoClassifier().train(),
    "inception": inception,
    "resnet34": lambda size: blood.resnet34(),
    **{f"{kind}-cnn": lambda size, kind=kind: blood.cnn(size, 2, kind) for kind in ("se", "sa", "cbam")},
    **{
        f"{kind}-vgg15": lambda size, kind=kind: blood.vgg(size, (*STAGES, 2, 3), (), kind)
        for kind in ("se", "sa", "cbam")
    },
    "vision-cnn": lambda size: VisionNet(size, None),
    "attention-cnn1": lambda size: VisionNet(size, "scalar"),
    "attention-cnn2": lambda size: VisionNet(size, "position"),
    "attention-cnn3": lambda size: VisionNet(size, "map"),
    "vgg16": lambda size: imagenet.vgg16(),
    "resnet50": lambda size: imagenet.resnet50(),
    "xception": lambda size: imagenet.xception(),
}
SPIKING = {
    "scnn": Scnn,
    "ms-resnet18": MsResnet18,
    "biasnn": lambda *given: MsResnet18(*given, attention="adaptive"),
    "lasnn": lambda *given: MsResnet18(*given, attention="suppress"),
    "neurallnet": lambda size, *given: Neurallnet(*given),
    "spiking-attention-net": lambda size, *given: SpikingAttentionNet(*given),
}


def make_network(system, size, steps, library="plain", form="multistep"):
    torch.manual_seed(0)
    if system in SPIKING:
        return SPIKING[system](size, steps, library, form)
    return DENSE[system](size)


def weights(net):
    """Trained tensors in Soma's order, without those of neurons, which not every library can train."""
    return [p for name, p in net.named_parameters() if not name.endswith(("beta", "threshold"))]


def make_optimizer(settings, net):
    """With a learning rate of 0: all its work, but weights, and with them firing rates, stay what they were."""
    # One kernel for all of an update, which PyTorch has for CPUs since 2.4.
    fused = dict(fused=True) if int(torch.__version__.split(".")[0]) >= 2 else {}
    if settings["kind"] == "sgd":
        momentum, decay = settings["momentum"], settings["weightDecay"]
        return torch.optim.SGD(net.parameters(), lr=0.0, momentum=momentum, weight_decay=decay, **fused)
    kind = torch.optim.AdamW if settings["kind"] == "adamw" else torch.optim.Adam
    return kind(net.parameters(), lr=0.0, weight_decay=settings["weightDecay"], **fused)
